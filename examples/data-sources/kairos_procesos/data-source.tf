# All processes that run at three in the morning, in Chile.
data "kairos_procesos" "madrugada" {
  stack        = "Kairos"
  cron         = "0 3 * * ? *"
  zona_horaria = "America/Santiago"
  habilitado   = true
}

# Everything that is paused.
data "kairos_procesos" "en_pausa" {
  stack      = "Kairos"
  habilitado = false
}

output "madrugada" {
  value = data.kairos_procesos.madrugada.procesos[*].nombre
}

output "en_pausa" {
  value = data.kairos_procesos.en_pausa.procesos[*].nombre
}
