# Kairos's part: the stack, a process that publishes and one that runs a statement. It needs the provider kairos alone, and can
# be applied by itself where everything else exists already.

resource "kairos_stack" "this" {
  name                = var.name
  notification_emails = var.notification_emails
  deletion_protection = var.deletion_protection

  executor = { role_prefix = var.role_prefix }
  api      = var.api ? {} : null
}

# A standard topic takes no token: whoever listens may hear of a run twice, and tells by its id.
resource "kairos_proceso" "turno" {
  stack        = kairos_stack.this.name
  nombre       = "Fin de turno"
  cron         = var.cron_turno
  zona_horaria = var.zona_horaria
  arn_rol      = var.arn_roles.turno
  arn_proceso  = var.arn_tema

  parametros = jsonencode({
    ejecucion  = "<kairos.id-ejecucion>"
    programada = "<kairos.fecha-programada>"
  })
}

# Nor does RDS: the statement itself must bear being run twice, which the run's id makes easy. A cluster that is paused says so
# for half a minute while it wakes: the attempts after 30 and 60 seconds find it awake.
resource "kairos_proceso" "cierre" {
  stack        = kairos_stack.this.name
  nombre       = "Cierre del día"
  cron         = var.cron_cierre
  zona_horaria = var.zona_horaria
  arn_rol      = var.arn_roles.cierre
  arn_proceso  = var.arn_base
  reintentos   = 3

  # The rest of the ExecuteStatement request of the RDS Data API.
  parametros = jsonencode({
    secretArn = var.arn_secreto
    database  = var.base
    sql       = var.sentencia
    parameters = [
      { name = "ejecucion", value = { stringValue = "<kairos.id-ejecucion>" } },
      { name = "programada", value = { stringValue = "<kairos.fecha-programada>" } },
    ]
  })
}

# What the roles of the processes must be. The stack's name comes by way of a local value and the rest by variables, so that this
# is read in the plan: read from a resource itself it would wait for each change of it, the role's name with it, and the role
# would be replaced.
locals {
  stack = kairos_stack.this.name

  destinos = {
    turno  = { arn = var.arn_tema, parametros = null }
    cierre = { arn = var.arn_base, parametros = jsonencode({ secretArn = var.arn_secreto }) }
  }
}

data "kairos_rol_ejecucion" "proceso" {
  for_each = local.destinos

  stack       = local.stack
  nombre      = each.key
  arn_proceso = each.value.arn
  parametros  = each.value.parametros
}
