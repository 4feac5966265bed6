# A nightly Batch job drops files into a bucket; what arrives there is hashed into a table and announced on a topic.
#
# Kairos's part is the module ./kairos. What surrounds it is here (the process's role), in batch.tf (the job) and in
# ingestion.tf (bucket, queue, function, table, topic).

provider "aws" {}

provider "kairos" {}

data "aws_caller_identity" "this" {}

module "kairos" {
  source = "./kairos"

  name                = var.name
  role_prefix         = var.role_prefix
  notification_emails = var.notification_emails
  api                 = var.api
  deletion_protection = var.deletion_protection

  cron               = var.cron
  zona_horaria       = var.zona_horaria
  arn_cola_trabajos  = aws_batch_job_queue.noche.arn
  definicion_trabajo = aws_batch_job_definition.descarga.name
  origen             = var.origen
  bucket             = aws_s3_bucket.entrada.bucket

  # The policy's id is not used: with it, the process comes after the policy, and goes before it.
  rol = {
    arn      = aws_iam_role.descarga.arn
    politica = aws_iam_role_policy.descarga.id
  }
}

# The role as the module says that it must be: it trusts the stack's executor, and may submit this one job to this one queue.
resource "aws_iam_role" "descarga" {
  name               = module.kairos.rol.nombre
  path               = module.kairos.rol.ruta
  description        = "The process that submits the nightly job of the stack ${var.name}."
  assume_role_policy = module.kairos.rol.confianza
}

resource "aws_iam_role_policy" "descarga" {
  name   = "destino"
  role   = aws_iam_role.descarga.name
  policy = module.kairos.rol.permisos
}
