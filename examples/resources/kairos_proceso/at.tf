# Once, in local time, without an offset. It stays registered after it has fired, which is no difference in a plan.
resource "kairos_proceso" "lanzamiento" {
  stack        = "Kairos"
  nombre       = "Lanzamiento"
  cron         = "at(2030-01-02T09:00:00)"
  zona_horaria = "America/Santiago"
  arn_rol      = "arn:aws:iam::123456789012:role/proceso-lanzamiento"
  arn_proceso  = "arn:aws:sns:sa-east-1:123456789012:avisos"
  parametros   = "Comienza el lanzamiento."
}
