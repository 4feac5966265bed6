# A whole installation of Kairos, and three processes on it.
# What it needs from its surroundings (targets, and the roles that may call them) comes in as variables.

terraform {
  required_version = ">= 1.8"

  required_providers {
    kairos = {
      source = "kairos/kairos"
    }
  }
}

# Region and credentials come from the environment, as for any tool of AWS.
provider "kairos" {}

resource "kairos_stack" "this" {
  name = var.name

  executor = {
    # The executor may assume roles whose names begin so, and no others.
    role_prefix = var.role_prefix
  }

  api = {}

  # So that the example can be destroyed again; leave it out in earnest.
  deletion_protection = false
}

# Fires at every minute. What stands in <…> is put in when it runs.
resource "kairos_proceso" "cada_minuto" {
  stack       = kairos_stack.this.name
  nombre      = "Latido de cada minuto"
  cron        = "cron(* * * * ? *)"
  arn_rol     = var.arn_rol_funcion
  arn_proceso = var.arn_funcion

  parametros = jsonencode({
    ejecucion  = "<kairos.id-ejecucion>"
    programada = "<kairos.fecha-programada>"
  })
}

# Fires once.
resource "kairos_proceso" "una_vez" {
  stack       = kairos_stack.this.name
  nombre      = "Aviso de una sola vez"
  cron        = "at(${var.momento})"
  arn_rol     = var.arn_rol_cola
  arn_proceso = var.arn_cola
  parametros  = "aviso <kairos.id-ejecucion>"
}

# Shares the first one's schedule, but does not run while it is disabled.
resource "kairos_proceso" "en_pausa" {
  stack       = kairos_stack.this.name
  nombre      = "Tarea en pausa"
  cron        = "cron(* * * * ? *)"
  arn_rol     = var.arn_rol_cola
  arn_proceso = var.arn_cola
  parametros  = "no debe llegar"
  habilitado  = false
}
