# At 18:30 in Santiago, from Monday to Friday, whatever clocks do.
resource "kairos_proceso" "cierre" {
  stack        = "Kairos"
  nombre       = "Cierre diario"
  cron         = "cron(30 18 ? * MON-FRI *)"
  zona_horaria = "America/Santiago"
  arn_rol      = "arn:aws:iam::123456789012:role/proceso-cierre"
  arn_proceso  = "arn:aws:lambda:sa-east-1:123456789012:function:cierre"

  # What stands in <…> is put in when it runs.
  parametros = jsonencode({
    ejecucion  = "<kairos.id-ejecucion>"
    programada = "<kairos.fecha-programada>"
  })
}
