# A process publishes to a topic at the end of each shift; a function records it in a table. Another one runs a statement in a
# database at night.
#
# Kairos's part is the module ./kairos. What surrounds it is here (the roles of the processes), in registro.tf (topic, function,
# table) and in database.tf (an Aurora cluster that pauses while nobody asks it).

provider "aws" {}

provider "kairos" {}

module "kairos" {
  source = "./kairos"

  name                = var.name
  role_prefix         = var.role_prefix
  notification_emails = var.notification_emails
  api                 = var.api
  deletion_protection = var.deletion_protection

  zona_horaria = var.zona_horaria
  cron_turno   = var.cron_turno
  cron_cierre  = var.cron_cierre
  arn_tema     = aws_sns_topic.turnos.arn
  arn_base     = aws_rds_cluster.base.arn
  arn_secreto  = aws_rds_cluster.base.master_user_secret[0].secret_arn
  base         = var.base
  sentencia    = var.sentencia

  # By the policies, so that a process comes after the policy of its role, and goes before it.
  arn_roles = { for proceso, politica in aws_iam_role_policy.proceso : proceso => aws_iam_role.proceso[proceso].arn }
}

# The roles as the module says that they must be: both trust the stack's executor; one may publish to the topic, the other may
# run statements on the cluster and read its secret.
resource "aws_iam_role" "proceso" {
  for_each = module.kairos.roles

  name               = each.value.nombre
  path               = each.value.ruta
  description        = "The process \"${each.key}\" of the stack ${var.name}."
  assume_role_policy = each.value.confianza
}

resource "aws_iam_role_policy" "proceso" {
  for_each = module.kairos.roles

  name   = "destino"
  role   = aws_iam_role.proceso[each.key].name
  policy = each.value.permisos
}
