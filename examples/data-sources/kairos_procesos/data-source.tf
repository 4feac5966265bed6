# All processes that run on the first of January at three in the morning, in Chile.
data "kairos_procesos" "anuales" {
  stack        = "Kairos"
  cron         = "0 3 1 1 ? *"
  zona_horaria = "America/Santiago"
  habilitado   = true
}

# Everything that is paused.
data "kairos_procesos" "en_pausa" {
  stack      = "Kairos"
  habilitado = false
}

output "anuales" {
  value = data.kairos_procesos.anuales.procesos[*].nombre
}

output "en_pausa" {
  value = data.kairos_procesos.en_pausa.procesos[*].nombre
}
