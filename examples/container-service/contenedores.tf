locals {
  cluster = lower(var.name)

  # Both containers write to the one log group, each under its own name.
  registro = {
    logDriver = "awslogs"
    options = {
      awslogs-group         = aws_cloudwatch_log_group.this.name
      awslogs-region        = var.region
      awslogs-stream-prefix = local.cluster
    }
  }
}

resource "aws_ecs_cluster" "this" {
  name = local.cluster
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${local.cluster}"
  retention_in_days = 30
}

# The task that Kairos runs: it does its work, says for which run, and ends.
resource "aws_ecs_task_definition" "informe" {
  family                   = "${local.cluster}-informe"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.ejecucion.arn
  task_role_arn            = aws_iam_role.informe.arn

  container_definitions = jsonencode([{
    name             = "informe"
    image            = var.imagen
    essential        = true
    command          = ["sh", "-c", "echo \"informe de $DIA, ejecución $EJECUCION\""]
    logConfiguration = local.registro
  }])
}

# The service that Kairos refreshes: it runs always.
resource "aws_ecs_task_definition" "web" {
  family                   = "${local.cluster}-web"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.ejecucion.arn

  container_definitions = jsonencode([{
    name             = "web"
    image            = var.imagen
    essential        = true
    command          = ["sh", "-c", "echo \"desde $(date)\"; exec httpd -f -p 8080"]
    logConfiguration = local.registro
  }])
}

resource "aws_ecs_service" "web" {
  name            = "web"
  cluster         = aws_ecs_cluster.this.arn
  task_definition = aws_ecs_task_definition.web.arn
  desired_count   = 1
  launch_type     = "FARGATE"

  # A refresh starts the new task before it stops the old one, and is taken back where the new one does not stay up.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = [aws_security_group.tareas.id]
    assign_public_ip = var.ip_publica
  }
}

# With this role ECS itself prepares a task: here it only has to write its log.
resource "aws_iam_role" "ejecucion" {
  name               = "${local.cluster}-ejecucion"
  assume_role_policy = local.confianza_ecs
}

resource "aws_iam_role_policy" "ejecucion" {
  name = "registro"
  role = aws_iam_role.ejecucion.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${aws_cloudwatch_log_group.this.arn}:*"
    }]
  })
}

# With this one the report's own code calls AWS. It may do nothing yet: add what your report needs.
resource "aws_iam_role" "informe" {
  name               = "${local.cluster}-informe"
  assume_role_policy = local.confianza_ecs
}

data "aws_caller_identity" "this" {}

locals {
  confianza_ecs = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}
