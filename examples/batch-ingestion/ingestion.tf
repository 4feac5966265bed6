# What takes the files in: bucket → queue → function → table and topic.

locals {
  # Below it are the files of each run, under the run's id. The process has the same (kairos/main.tf).
  prefijo = "entrada/"

  # Seconds. SQS hides a message for six times as long: Lambda's advice.
  tiempo_funcion = 60
}

resource "aws_s3_bucket" "entrada" {
  bucket_prefix = "${lower(var.name)}-entrada-"
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket_public_access_block" "entrada" {
  bucket                  = aws_s3_bucket.entrada.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# The table remembers what was there.
resource "aws_s3_bucket_lifecycle_configuration" "entrada" {
  bucket = aws_s3_bucket.entrada.id

  rule {
    id     = "vencen"
    status = "Enabled"

    filter {
      prefix = local.prefijo
    }

    expiration {
      days = var.dias
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_notification" "entrada" {
  bucket = aws_s3_bucket.entrada.id

  queue {
    queue_arn     = aws_sqs_queue.ingesta.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = local.prefijo
  }

  # S3 tries the queue before it takes this.
  depends_on = [aws_sqs_queue_policy.ingesta]
}

resource "aws_sqs_queue" "ingesta" {
  name                       = "${var.name}-ingesta"
  visibility_timeout_seconds = 6 * local.tiempo_funcion

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.fallidos.arn
    maxReceiveCount     = 5
  })
}

# Files that could not be taken in, for two weeks.
resource "aws_sqs_queue" "fallidos" {
  name                      = "${var.name}-ingesta-fallidos"
  message_retention_seconds = 1209600
}

data "aws_iam_policy_document" "ingesta" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.ingesta.arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.entrada.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_sqs_queue_policy" "ingesta" {
  queue_url = aws_sqs_queue.ingesta.id
  policy    = data.aws_iam_policy_document.ingesta.json
}

# One item for each content that ever came.
resource "aws_dynamodb_table" "archivos" {
  name                        = "${var.name}-archivos"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "Digest"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "Digest"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_sns_topic" "archivos" {
  name = "${var.name}-archivos"
}

resource "aws_lambda_function" "ingesta" {
  function_name    = "${var.name}-ingesta"
  description      = "Hashes each file that arrives, and announces those whose content is new."
  filename         = var.paquete
  source_code_hash = filebase64sha256(var.paquete)
  runtime          = "python3.12"
  architectures    = ["arm64"]
  handler          = "ingesta.handler"
  role             = aws_iam_role.ingesta.arn
  memory_size      = 256
  timeout          = local.tiempo_funcion

  environment {
    variables = {
      TABLA = aws_dynamodb_table.archivos.name
      TEMA  = aws_sns_topic.archivos.arn
    }
  }

  depends_on = [aws_cloudwatch_log_group.ingesta, aws_iam_role_policy.ingesta]
}

resource "aws_lambda_event_source_mapping" "ingesta" {
  event_source_arn = aws_sqs_queue.ingesta.arn
  function_name    = aws_lambda_function.ingesta.arn
  batch_size       = 10

  # Only the messages that failed come back, not the whole batch.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 5
  }
}

resource "aws_cloudwatch_log_group" "ingesta" {
  name              = "/aws/lambda/${var.name}-ingesta"
  retention_in_days = 30
}

resource "aws_iam_role" "ingesta" {
  name = "${var.name}-ingesta"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

data "aws_iam_policy_document" "funcion" {
  statement {
    sid       = "Registro"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.ingesta.arn}:*"]
  }

  statement {
    sid       = "Cola"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.ingesta.arn]
  }

  statement {
    sid       = "Archivos"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.entrada.arn}/${local.prefijo}*"]
  }

  statement {
    sid       = "Tabla"
    actions   = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.archivos.arn]
  }

  statement {
    sid       = "Tema"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.archivos.arn]
  }
}

resource "aws_iam_role_policy" "ingesta" {
  name   = "ingesta"
  role   = aws_iam_role.ingesta.name
  policy = data.aws_iam_policy_document.funcion.json
}
