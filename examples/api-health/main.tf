# A signed request to an API every five minutes, and an alarm that tells the people on call when it fails. The API is a sample, in
# api.tf: put the ARN of your own method in its place. The part of Kairos is the module below, which needs no provider but Kairos's.

provider "aws" {
  region = var.region
}

provider "kairos" {
  region = var.region
}

module "kairos" {
  source = "./kairos"

  name                = var.name
  notification_emails = var.notification_emails
  deletion_protection = var.deletion_protection
  cron                = var.cron
  reintentos          = var.reintentos
  arn_metodo          = "${aws_api_gateway_stage.prod.execution_arn}/GET/salud"
  arn_rol             = local.arn_rol
}

# The role of the process, as the module says that it must be: it trusts the stack's executor, and may call the one method.
resource "aws_iam_role" "chequeo" {
  name               = module.kairos.rol.nombre
  path               = module.kairos.rol.ruta
  assume_role_policy = module.kairos.rol.confianza
}

resource "aws_iam_role_policy" "chequeo" {
  name   = "destino"
  role   = aws_iam_role.chequeo.name
  policy = module.kairos.rol.permisos
}

locals {
  # Made of the policy, so that the process is registered once its role has it: without it the API would refuse the call.
  arn_rol = one([for politica in aws_iam_role_policy.chequeo[*] : aws_iam_role.chequeo.arn])
}

resource "aws_sns_topic" "guardia" {
  name = "${var.name}Guardia"
}

resource "aws_sns_topic_subscription" "guardia" {
  for_each = var.guardia_emails

  topic_arn = aws_sns_topic.guardia.arn
  protocol  = "email"
  endpoint  = each.value
}

# Kairos counts a run as failed when it is given up: at once where trying again would not help (403, 404), otherwise after the
# last repetition. One in ten minutes is enough; ten minutes without one, and the API is well again.
resource "aws_cloudwatch_metric_alarm" "api" {
  alarm_name          = "${var.name}Api"
  alarm_description   = "The API ${local.api} does not answer as it should: see the history of the process ${module.kairos.id_proceso}."
  namespace           = module.kairos.metrica.namespace
  metric_name         = module.kairos.metrica.nombre
  dimensions          = module.kairos.metrica.dimensiones
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 2
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.guardia.arn]
  ok_actions          = [aws_sns_topic.guardia.arn]
}
