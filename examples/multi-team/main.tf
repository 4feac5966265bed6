# One account, several teams: each has a stack of its own, whose roles are on a path of its own, so that neither can start what
# is another's; who is told of failures is the same for all.

terraform {
  required_version = ">= 1.8"

  required_providers {
    kairos = {
      source = "kairos/kairos"
    }
  }
}

provider "kairos" {}

locals {
  # "ventas/nightly report" and so on: one entry for each process of each team.
  procesos = merge([
    for equipo, suyo in var.equipos : {
      for nombre, proceso in suyo.procesos : "${equipo}/${nombre}" => merge(proceso, { equipo = equipo, nombre = nombre })
    }
  ]...)
}

resource "kairos_stack" "equipo" {
  for_each = var.equipos

  name                = each.value.stack
  notification_emails = var.notification_emails

  # The stack's own roles, and below the same path those of its processes, such as role/ventas/proceso-cierre.
  role_path = "/${each.key}/"
  executor  = { role_prefix = "${each.key}/" }

  tags                = { equipo = each.key }
  deletion_protection = var.deletion_protection
}

resource "kairos_proceso" "de" {
  for_each = local.procesos

  # By reference, so that a stack is there before its processes and stays until they are gone.
  stack       = kairos_stack.equipo[each.value.equipo].name
  nombre      = each.value.nombre
  cron        = each.value.cron
  arn_rol     = each.value.arn_rol
  arn_proceso = each.value.arn_proceso
}
