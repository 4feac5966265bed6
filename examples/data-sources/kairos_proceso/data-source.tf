data "kairos_proceso" "cierre" {
  stack  = "Kairos"
  nombre = "Cierre anual"
}

output "cierre" {
  value = {
    id    = data.kairos_proceso.cierre.id
    cron  = data.kairos_proceso.cierre.cron
    corre = data.kairos_proceso.cierre.habilitado
  }
}
