# Two schedules for containers: a task of its own for each run, and a service whose tasks are replaced once a week. What runs is
# in contenedores.tf, where in red.tf; the part of Kairos is the module below, which needs no provider but Kairos's.

provider "aws" {
  region = var.region
}

provider "kairos" {
  region = var.region
}

module "kairos" {
  source = "./kairos"

  name                = var.name
  notification_emails = var.notification_emails
  zona_horaria        = var.zona_horaria
  deletion_protection = var.deletion_protection
  arn_cluster         = aws_ecs_cluster.this.arn
  arn_roles           = local.arn_roles

  informe = {
    cron            = var.cron_informe
    familia         = aws_ecs_task_definition.informe.family
    contenedor      = "informe"
    roles           = [aws_iam_role.ejecucion.arn, aws_iam_role.informe.arn]
    subnets         = local.subnet_ids
    security_groups = [aws_security_group.tareas.id]
    ip_publica      = var.ip_publica
  }

  refresco = {
    cron         = var.cron_refresco
    servicio     = aws_ecs_service.web.name
    arn_servicio = aws_ecs_service.web.id
  }
}

# A role for each process, as the module says that it must be: whom it trusts, and the one action that it allows.
resource "aws_iam_role" "proceso" {
  for_each = module.kairos.roles

  name               = each.value.nombre
  path               = each.value.ruta
  assume_role_policy = each.value.confianza
}

resource "aws_iam_role_policy" "proceso" {
  for_each = module.kairos.roles

  name   = "destino"
  role   = aws_iam_role.proceso[each.key].name
  policy = each.value.permisos
}

locals {
  # Made of the policies, so that a process is registered once its role has its own: without it the target would refuse it.
  arn_roles = { for proceso, politica in aws_iam_role_policy.proceso : proceso => aws_iam_role.proceso[proceso].arn }
}
