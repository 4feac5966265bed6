data "kairos_ejecuciones" "ultimas" {
  stack  = "Kairos"
  nombre = "Cierre anual"
  limite = 5
}

# What failed today, of all processes.
data "kairos_ejecuciones" "fallidas" {
  stack  = "Kairos"
  estado = "ErrorAlEjecutar"
  dia    = formatdate("YYYY-MM-DD", plantimestamp())
}

output "ultimas" {
  value = [for e in data.kairos_ejecuciones.ultimas.ejecuciones : "${e.fecha_programada} ${e.estado}"]
}

output "fallidas" {
  value = [for e in data.kairos_ejecuciones.fallidas.ejecuciones : "${e.id_proceso}: ${e.error}"]
}
