# The nightly job: a container on Fargate that copies what is new from the bucket of origin. It costs nothing while it does
# not run.

data "aws_subnet" "primera" {
  id = var.subnet_ids[0]
}

data "aws_region" "this" {}

# Out by HTTPS, and nothing in.
resource "aws_security_group" "descarga" {
  name_prefix = "${var.name}-descarga-"
  description = "The nightly job: HTTPS to the outside."
  vpc_id      = data.aws_subnet.primera.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.descarga.id
  description       = "S3, logs and the registry of images"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_batch_compute_environment" "noche" {
  type = "MANAGED"

  compute_resources {
    type               = "FARGATE"
    max_vcpus          = 4
    subnets            = var.subnet_ids
    security_group_ids = [aws_security_group.descarga.id]
  }

  # It has a name that is made up, so that another one can take its place in the queue.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_batch_job_queue" "noche" {
  name     = "${var.name}-noche"
  state    = "ENABLED"
  priority = 1

  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.noche.arn
  }
}

# The process names the definition without a revision: each run takes the newest.
resource "aws_batch_job_definition" "descarga" {
  name                  = "${var.name}-descarga"
  type                  = "container"
  platform_capabilities = ["FARGATE"]

  # What the process sends takes the place of these.
  parameters = {
    origen  = "s3://${var.origen}/"
    destino = "s3://${aws_s3_bucket.entrada.bucket}/${local.prefijo}a-mano/"
  }

  container_properties = jsonencode({
    image            = var.imagen
    command          = ["s3", "sync", "Ref::origen", "Ref::destino", "--no-progress", "--copy-props", "none"]
    jobRoleArn       = aws_iam_role.trabajo.arn
    executionRoleArn = aws_iam_role.arranque.arn

    resourceRequirements = [
      { type = "VCPU", value = "0.25" },
      { type = "MEMORY", value = "512" },
    ]

    networkConfiguration = { assignPublicIp = var.assign_public_ip ? "ENABLED" : "DISABLED" }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.descarga.name
        "awslogs-region"        = data.aws_region.this.name
        "awslogs-stream-prefix" = "descarga"
      }
    }
  })

  retry_strategy {
    attempts = 2
  }

  timeout {
    attempt_duration_seconds = 3600
  }
}

resource "aws_cloudwatch_log_group" "descarga" {
  name              = "/aws/batch/${var.name}-descarga"
  retention_in_days = 30
}

data "aws_iam_policy_document" "tareas" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

# With this role Fargate pulls the image and writes the log.
resource "aws_iam_role" "arranque" {
  name               = "${var.name}-descarga-arranque"
  assume_role_policy = data.aws_iam_policy_document.tareas.json
}

data "aws_iam_policy_document" "arranque" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.descarga.arn}:*"]
  }
}

resource "aws_iam_role_policy" "arranque" {
  name   = "registro"
  role   = aws_iam_role.arranque.name
  policy = data.aws_iam_policy_document.arranque.json
}

# And this one is the job's own.
resource "aws_iam_role" "trabajo" {
  name               = "${var.name}-descarga-trabajo"
  assume_role_policy = data.aws_iam_policy_document.tareas.json
}

data "aws_iam_policy_document" "trabajo" {
  statement {
    sid       = "Listar"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::${var.origen}", aws_s3_bucket.entrada.arn]
  }

  statement {
    sid       = "Leer"
    actions   = ["s3:GetObject"]
    resources = ["arn:aws:s3:::${var.origen}/*"]
  }

  statement {
    sid       = "Escribir"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.entrada.arn}/${local.prefijo}*"]
  }
}

resource "aws_iam_role_policy" "trabajo" {
  name   = "archivos"
  role   = aws_iam_role.trabajo.name
  policy = data.aws_iam_policy_document.trabajo.json
}
