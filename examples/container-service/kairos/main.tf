resource "kairos_stack" "this" {
  name                = var.name
  notification_emails = var.notification_emails
  deletion_protection = var.deletion_protection

  executor = { role_prefix = "proceso-" }
  api      = {}
}

locals {
  # By way of a local value the data sources below are read in the plan, so that a change of the stack replaces no role.
  stack = kairos_stack.this.name

  # A universal target is in the cluster's partition: aws, aws-cn, aws-us-gov.
  partition      = split(":", var.arn_cluster)[1]
  update_service = "arn:${local.partition}:scheduler:::aws-sdk:ecs:updateService"
}

# A task of its own for each run, which is found by the run's id (`startedBy`). The family alone names its newest revision, so
# that a new image is a new revision and no change here.
resource "kairos_proceso" "informe" {
  stack        = kairos_stack.this.name
  nombre       = "Informe nocturno"
  cron         = var.informe.cron
  zona_horaria = var.zona_horaria
  arn_rol      = var.arn_roles.informe
  arn_proceso  = var.arn_cluster

  parametros = jsonencode({
    taskDefinition = var.informe.familia
    launchType     = "FARGATE"

    networkConfiguration = {
      awsvpcConfiguration = {
        subnets        = var.informe.subnets
        securityGroups = var.informe.security_groups
        assignPublicIp = var.informe.ip_publica ? "ENABLED" : "DISABLED"
      }
    }

    overrides = {
      containerOverrides = [{
        name = var.informe.contenedor
        environment = [
          { name = "EJECUCION", value = "<kairos.id-ejecucion>" },
          { name = "DIA", value = "<kairos.fecha-programada>" },
        ]
      }]
    }
  })
}

# All tasks of the service are replaced, one after the other: they pull the image behind their tag anew, and read their secrets
# anew.
resource "kairos_proceso" "refresco" {
  stack        = kairos_stack.this.name
  nombre       = "Refresco del servicio"
  cron         = var.refresco.cron
  zona_horaria = var.zona_horaria
  arn_rol      = var.arn_roles.refresco
  arn_proceso  = local.update_service

  parametros = jsonencode({
    cluster            = var.arn_cluster
    service            = var.refresco.servicio
    forceNewDeployment = true
  })
}

# What the roles must be. A task is started with the roles of its definition, which the process's role has to hand over
# (iam:PassRole); a universal target's ARN does not say on what the call works, so that is said here.
data "kairos_rol_ejecucion" "informe" {
  stack         = local.stack
  nombre        = "informe"
  arn_proceso   = var.arn_cluster
  parametros    = jsonencode({ taskDefinition = var.informe.familia })
  roles_a_pasar = var.informe.roles
}

data "kairos_rol_ejecucion" "refresco" {
  stack       = local.stack
  nombre      = "refresco"
  arn_proceso = local.update_service
  recursos    = [var.refresco.arn_servicio]
}
