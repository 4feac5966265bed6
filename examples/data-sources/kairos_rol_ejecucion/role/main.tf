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

data "kairos_rol_ejecucion" "cierre" {
  stack       = "Kairos"
  arn_proceso = "arn:aws:lambda:us-east-1:123456789012:function:cierre"
  nombre      = "cierre"
}

resource "aws_iam_role" "cierre" {
  name               = data.kairos_rol_ejecucion.cierre.nombre_rol
  path               = data.kairos_rol_ejecucion.cierre.ruta_rol
  assume_role_policy = data.kairos_rol_ejecucion.cierre.politica_confianza
}

resource "aws_iam_role_policy" "cierre" {
  name   = "destino"
  role   = aws_iam_role.cierre.name
  policy = data.kairos_rol_ejecucion.cierre.politica_permisos
}

resource "kairos_proceso" "cierre" {
  stack       = "Kairos"
  nombre      = "Cierre diario"
  cron        = "0 3 * * ? *"
  arn_rol     = aws_iam_role.cierre.arn
  arn_proceso = "arn:aws:lambda:us-east-1:123456789012:function:cierre"

  # A role without its policy would be refused by the target.
  depends_on = [aws_iam_role_policy.cierre]
}
