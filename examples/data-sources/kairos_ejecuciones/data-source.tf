data "kairos_ejecuciones" "ultimas" {
  stack  = "Kairos"
  nombre = "Cierre anual"
  limite = 5
}

output "ultimas" {
  value = [for e in data.kairos_ejecuciones.ultimas.ejecuciones : "${e.fecha_programada} ${e.estado}"]
}
