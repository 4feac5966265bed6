# Waits for the function and takes its own error as a failure; the history has its answer.
resource "kairos_proceso" "informe" {
  stack                  = "Kairos"
  nombre                 = "Informe mensual"
  cron                   = "cron(0 6 1 * ? *)"
  arn_rol                = "arn:aws:iam::123456789012:role/proceso-informe"
  arn_proceso            = "arn:aws:lambda:sa-east-1:123456789012:function:informe:prod"
  modo_invocacion        = "RequestResponse"
  tiempo_maximo_segundos = 60
  reintentos             = 1
}
