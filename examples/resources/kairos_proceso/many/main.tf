locals {
  tareas = {
    "Tarifas"  = "0 5 * * ? *"
    "Monedas"  = "0/30 * * * ? *"
    "Feriados" = "0 5 1 * ? *"
  }
}

# One for each entry. Those of equal schedules share one in AWS.
resource "kairos_proceso" "carga" {
  for_each = local.tareas

  stack        = "Kairos"
  nombre       = "Carga de ${each.key}"
  cron         = each.value
  zona_horaria = "America/Santiago"
  arn_rol      = "arn:aws:iam::123456789012:role/proceso-carga"
  arn_proceso  = "arn:aws:lambda:sa-east-1:123456789012:function:carga"
  parametros   = jsonencode({ tarea = each.key })
}
