# Kairos's part: the stack, and the process that submits the job. It needs the provider kairos alone, and can be applied by
# itself where everything else exists already.

resource "kairos_stack" "this" {
  name                = var.name
  notification_emails = var.notification_emails
  deletion_protection = var.deletion_protection

  executor = { role_prefix = var.role_prefix }
  api      = var.api ? {} : null
}

resource "kairos_proceso" "descarga" {
  stack        = kairos_stack.this.name
  nombre       = "Descarga nocturna"
  cron         = var.cron
  zona_horaria = var.zona_horaria
  arn_rol      = var.rol.arn
  arn_proceso  = var.arn_cola_trabajos

  # The rest of the SubmitJob request. Batch has no idempotency token: should a run be submitted twice, both jobs write to the
  # run's own folder, where `aws s3 sync` leaves out what is there.
  parametros = jsonencode({
    jobDefinition = var.definicion_trabajo
    parameters = {
      origen  = "s3://${var.origen}/"
      destino = "s3://${var.bucket}/entrada/<kairos.id-ejecucion>/"
    }
  })
}

# What the process's role must be. The stack's name comes by way of a local value and the rest by variables, so that this is read
# in the plan: read from a resource itself it would wait for each change of it, the role's name with it, and the role would be
# replaced.
locals {
  stack = kairos_stack.this.name
}

data "kairos_rol_ejecucion" "descarga" {
  stack       = local.stack
  nombre      = "descarga"
  arn_proceso = var.arn_cola_trabajos
  parametros  = jsonencode({ jobDefinition = var.definicion_trabajo })
}
