output "roles" {
  description = "What the roles of the processes must be."
  value = {
    for proceso, rol in data.kairos_rol_ejecucion.proceso : proceso => {
      nombre    = rol.nombre_rol
      ruta      = rol.ruta_rol
      confianza = rol.politica_confianza
      permisos  = rol.politica_permisos
    }
  }
}

output "procesos" {
  description = "The processes' ids by their names."
  value = {
    turno  = kairos_proceso.turno.id
    cierre = kairos_proceso.cierre.id
  }
}

output "calendarizaciones" {
  description = "Their schedules."
  value = {
    turno  = kairos_proceso.turno.id_calendarizacion
    cierre = kairos_proceso.cierre.id_calendarizacion
  }
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
