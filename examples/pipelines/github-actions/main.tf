# What the pipeline deploys: a stack with its API, and one process. Put your own processes here.

provider "kairos" {
  region = var.region
}

resource "kairos_stack" "this" {
  name                = var.name
  notification_emails = var.notification_emails
  deletion_protection = var.deletion_protection

  executor = { role_prefix = var.role_prefix }
  api      = {}
}

# The smoke test starts it, so its target must bear one call more at each deployment.
resource "kairos_proceso" "latido" {
  stack       = kairos_stack.this.name
  nombre      = "Latido diario"
  cron        = "cron(0 6 * * ? *)"
  arn_rol     = var.arn_rol
  arn_proceso = var.arn_funcion
  parametros  = jsonencode({ ejecucion = "<kairos.id-ejecucion>" })
}
