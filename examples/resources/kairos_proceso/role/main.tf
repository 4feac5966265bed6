terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
    kairos = {
      source = "kairos/kairos"
    }
  }
}

resource "kairos_stack" "this" {
  name     = "Kairos"
  executor = { role_prefix = "proceso-" }
}

# By way of a local value the role's policies are known in the plan.
locals {
  stack   = kairos_stack.this.name
  destino = "arn:aws:sqs:sa-east-1:123456789012:trabajo"
}

data "kairos_rol_ejecucion" "conciliacion" {
  stack       = local.stack
  arn_proceso = local.destino
}

resource "aws_iam_role" "conciliacion" {
  name               = data.kairos_rol_ejecucion.conciliacion.nombre_rol
  path               = data.kairos_rol_ejecucion.conciliacion.ruta_rol
  assume_role_policy = data.kairos_rol_ejecucion.conciliacion.politica_confianza
}

resource "aws_iam_role_policy" "conciliacion" {
  name   = "destino"
  role   = aws_iam_role.conciliacion.name
  policy = data.kairos_rol_ejecucion.conciliacion.politica_permisos
}

resource "kairos_proceso" "conciliacion" {
  stack       = kairos_stack.this.name
  nombre      = "Conciliación"
  cron        = "rate(15 minutes)"
  arn_rol     = aws_iam_role.conciliacion.arn
  arn_proceso = local.destino
  parametros  = "conciliar"

  # A role without its policy would be refused by the target.
  depends_on = [aws_iam_role_policy.conciliacion]
}
