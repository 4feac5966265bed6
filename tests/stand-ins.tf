# What pages of the documentation refer to and leave to their readers: one block for each type, which takes the name that the
# page gives it. A page that shows such an object itself needs no line here.

resource "kairos_stack" "_" {
  name     = "Kairos"
  executor = { role_prefix = "proceso-" }
  api      = {}
}

resource "kairos_proceso" "_" {
  stack       = "Kairos"
  nombre      = "Proceso"
  cron        = "rate(1 day)"
  arn_rol     = "arn:aws:iam::123456789012:role/proceso"
  arn_proceso = "arn:aws:sqs:sa-east-1:123456789012:cola"
}

data "kairos_rol_ejecucion" "_" {
  stack       = "Kairos"
  arn_proceso = "arn:aws:sqs:sa-east-1:123456789012:cola"
}

resource "aws_iam_role" "_" {
  assume_role_policy = "{}"
}

resource "aws_lambda_function" "_" {
  function_name = "funcion"
  role          = "arn:aws:iam::123456789012:role/funcion"
  package_type  = "Image"
  image_uri     = "123456789012.dkr.ecr.sa-east-1.amazonaws.com/funcion:1"
}
