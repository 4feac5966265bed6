locals {
  # What a process may leave out has null, which the provider takes as "not said".
  procesos = {
    for nombre, proceso in yamldecode(file(var.archivo)) : nombre => {
      cron                     = proceso.cron
      zona_horaria             = try(proceso.zona_horaria, var.zona_horaria)
      ventana_flexible_minutos = try(proceso.ventana_flexible_minutos, null)
      inicio                   = try(proceso.inicio, null)
      fin                      = try(proceso.fin, null)
      arn_proceso              = proceso.arn_proceso
      arn_rol                  = try(proceso.arn_rol, null)
      roles_a_pasar            = try(proceso.roles_a_pasar, null)
      # A text goes as it is; anything else is written as JSON.
      parametros             = try(tostring(proceso.parametros), jsonencode(proceso.parametros), null)
      habilitado             = try(proceso.habilitado, true)
      reintentos             = try(proceso.reintentos, null)
      modo_invocacion        = try(proceso.modo_invocacion, null)
      tiempo_maximo_segundos = try(proceso.tiempo_maximo_segundos, null)
    }
  }

  # Those that bring no role get one.
  sin_rol = { for nombre, proceso in local.procesos : nombre => proceso if proceso.arn_rol == null }

  # Through a local value, so that the documents below are known in the plan that creates the stack.
  stack = kairos_stack.this.name
}

resource "kairos_stack" "this" {
  name                = var.name
  notification_emails = var.notification_emails
  role_path           = var.role_path
  kms_key_arn         = var.kms_key_arn
  tags                = var.tags
  deletion_protection = var.deletion_protection

  executor = { role_prefix = "${trimprefix(var.role_path, "/")}${var.role_prefix}" }
  api      = var.api ? {} : null
}

data "kairos_rol_ejecucion" "de" {
  for_each = local.sin_rol

  stack         = local.stack
  nombre        = each.key
  arn_proceso   = each.value.arn_proceso
  parametros    = each.value.parametros
  roles_a_pasar = each.value.roles_a_pasar
}

resource "aws_iam_role" "de" {
  for_each = local.sin_rol

  name               = data.kairos_rol_ejecucion.de[each.key].nombre_rol
  path               = data.kairos_rol_ejecucion.de[each.key].ruta_rol
  description        = "The process \"${each.key}\" of the stack ${var.name}."
  assume_role_policy = data.kairos_rol_ejecucion.de[each.key].politica_confianza
  tags               = var.tags
}

resource "aws_iam_role_policy" "de" {
  for_each = local.sin_rol

  name   = "destino"
  role   = aws_iam_role.de[each.key].name
  policy = data.kairos_rol_ejecucion.de[each.key].politica_permisos
}

resource "kairos_proceso" "de" {
  for_each = local.procesos

  stack                    = kairos_stack.this.name
  nombre                   = each.key
  cron                     = each.value.cron
  zona_horaria             = each.value.zona_horaria
  ventana_flexible_minutos = each.value.ventana_flexible_minutos
  inicio                   = each.value.inicio
  fin                      = each.value.fin
  arn_proceso              = each.value.arn_proceso
  arn_rol                  = each.value.arn_rol != null ? each.value.arn_rol : aws_iam_role.de[each.key].arn
  parametros               = each.value.parametros
  habilitado               = each.value.habilitado
  reintentos               = each.value.reintentos
  modo_invocacion          = each.value.modo_invocacion
  tiempo_maximo_segundos   = each.value.tiempo_maximo_segundos

  # A role without its policy would be refused by the target.
  depends_on = [aws_iam_role_policy.de]
}
