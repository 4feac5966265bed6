# Hourly during March, at any time within ten minutes after the hour.
resource "kairos_proceso" "campana" {
  stack                    = "Kairos"
  nombre                   = "Campaña de marzo"
  cron                     = "cron(0 * * * ? *)"
  zona_horaria             = "America/Santiago"
  ventana_flexible_minutos = 10
  inicio                   = "2030-03-01T00:00:00-03:00"
  fin                      = "2030-03-31T23:59:59-03:00"
  arn_rol                  = "arn:aws:iam::123456789012:role/proceso-campana"
  arn_proceso              = "arn:aws:states:sa-east-1:123456789012:stateMachine:campana"
}
