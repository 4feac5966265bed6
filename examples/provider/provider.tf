terraform {
  required_version = ">= 1.8"

  required_providers {
    kairos = {
      source  = "kairos/kairos"
      version = "~> 0.1"
    }
  }
}

provider "kairos" {
  region = "sa-east-1"

  default_tags = {
    equipo = "operaciones"
  }
}

resource "kairos_stack" "this" {
  name                = "Kairos"
  notification_emails = ["operaciones@example.com"]

  # The executor may assume roles whose names begin so, and no others.
  executor = { role_prefix = "proceso-" }
}

resource "kairos_proceso" "cierre" {
  stack        = kairos_stack.this.name
  nombre       = "Cierre diario"
  cron         = "cron(30 18 ? * MON-FRI *)"
  zona_horaria = "America/Santiago"
  arn_rol      = "arn:aws:iam::123456789012:role/proceso-cierre"
  arn_proceso  = "arn:aws:lambda:sa-east-1:123456789012:function:cierre"
  parametros   = jsonencode({ ejecucion = "<kairos.id-ejecucion>" })
}
