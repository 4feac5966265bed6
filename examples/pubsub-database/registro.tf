# Topic → function → table.

data "aws_caller_identity" "this" {}

resource "aws_sns_topic" "turnos" {
  name = "${var.name}-turnos"
}

resource "aws_sns_topic_subscription" "registro" {
  topic_arn = aws_sns_topic.turnos.arn
  protocol  = "lambda"
  endpoint  = aws_lambda_function.registro.arn

  # What the topic could not hand over.
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.fallidos.arn })

  depends_on = [aws_lambda_permission.turnos, aws_sqs_queue_policy.fallidos]
}

resource "aws_lambda_permission" "turnos" {
  statement_id   = "turnos"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.registro.function_name
  principal      = "sns.amazonaws.com"
  source_arn     = aws_sns_topic.turnos.arn
  source_account = data.aws_caller_identity.this.account_id
}

resource "aws_lambda_function" "registro" {
  function_name    = "${var.name}-registro"
  description      = "Records each message of the topic once."
  filename         = var.paquete
  source_code_hash = filebase64sha256(var.paquete)
  runtime          = "python3.12"
  architectures    = ["arm64"]
  handler          = "registro.handler"
  role             = aws_iam_role.registro.arn
  timeout          = 30

  environment {
    variables = { TABLA = aws_dynamodb_table.turnos.name }
  }

  # What the function could not record: Lambda calls it three times.
  dead_letter_config {
    target_arn = aws_sqs_queue.fallidos.arn
  }

  depends_on = [aws_cloudwatch_log_group.registro, aws_iam_role_policy.registro]
}

resource "aws_dynamodb_table" "turnos" {
  name                        = "${var.name}-turnos"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "Ejecucion"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "Ejecucion"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_sqs_queue" "fallidos" {
  name                      = "${var.name}-turnos-fallidos"
  message_retention_seconds = 1209600
}

data "aws_iam_policy_document" "fallidos" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.fallidos.arn]

    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_sns_topic.turnos.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "fallidos" {
  queue_url = aws_sqs_queue.fallidos.id
  policy    = data.aws_iam_policy_document.fallidos.json
}

resource "aws_cloudwatch_log_group" "registro" {
  name              = "/aws/lambda/${var.name}-registro"
  retention_in_days = 30
}

resource "aws_iam_role" "registro" {
  name = "${var.name}-registro"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

data "aws_iam_policy_document" "registro" {
  statement {
    sid       = "Registro"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.registro.arn}:*"]
  }

  statement {
    sid       = "Tabla"
    actions   = ["dynamodb:PutItem"]
    resources = [aws_dynamodb_table.turnos.arn]
  }

  statement {
    sid       = "Fallidos"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.fallidos.arn]
  }
}

resource "aws_iam_role_policy" "registro" {
  name   = "registro"
  role   = aws_iam_role.registro.name
  policy = data.aws_iam_policy_document.registro.json
}
