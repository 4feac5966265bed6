resource "kairos_stack" "this" {
  name                = var.name
  notification_emails = var.notification_emails
  deletion_protection = var.deletion_protection

  executor = { role_prefix = "proceso-" }
  api      = {}
}

# The request is signed as the role. An answer of 2xx is well; 408, 425, 429 and 5xx are tried again; anything else is not.
resource "kairos_proceso" "chequeo" {
  stack       = kairos_stack.this.name
  nombre      = "Chequeo de la API"
  cron        = var.cron
  reintentos  = var.reintentos
  arn_rol     = var.arn_rol
  arn_proceso = var.arn_metodo

  # What the API may write into its own log. The header Idempotency-Key is the run's id as well.
  parametros = jsonencode({
    query = { ejecucion = "<kairos.id-ejecucion>", intento = "<kairos.intento>" }
  })
}

locals {
  # By way of a local value the data source is read in the plan, so that a change of the stack does not replace the role.
  stack = kairos_stack.this.name
}

data "kairos_rol_ejecucion" "chequeo" {
  stack       = local.stack
  nombre      = "chequeo"
  arn_proceso = var.arn_metodo
}
