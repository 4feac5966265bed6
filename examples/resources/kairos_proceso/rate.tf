# Every quarter of an hour, counted from the schedule's creation. The body of a message is any text.
resource "kairos_proceso" "conciliacion" {
  stack       = "Kairos"
  nombre      = "Conciliación"
  cron        = "rate(15 minutes)"
  arn_rol     = "arn:aws:iam::123456789012:role/proceso-conciliacion"
  arn_proceso = "arn:aws:sqs:sa-east-1:123456789012:trabajo"
  parametros  = "conciliar <kairos.id-ejecucion>"
  reintentos  = 5
}
