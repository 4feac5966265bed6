output "rol" {
  description = "What the role of the process must be."
  value = {
    nombre    = data.kairos_rol_ejecucion.descarga.nombre_rol
    ruta      = data.kairos_rol_ejecucion.descarga.ruta_rol
    confianza = data.kairos_rol_ejecucion.descarga.politica_confianza
    permisos  = data.kairos_rol_ejecucion.descarga.politica_permisos
  }
}

output "id_proceso" {
  description = "The process that submits the job."
  value       = kairos_proceso.descarga.id
}

output "id_calendarizacion" {
  description = "Its schedule."
  value       = kairos_proceso.descarga.id_calendarizacion
}

output "api_url" {
  description = "Where the HTTP API answers; null without one."
  value       = kairos_stack.this.api_url
}

output "api_key" {
  description = "The key that it wants in the header x-api-key; null without one."
  value       = kairos_stack.this.api_key
  sensitive   = true
}
