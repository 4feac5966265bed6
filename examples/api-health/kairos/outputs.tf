output "rol" {
  description = "What the role of the process must be."
  value = {
    nombre    = data.kairos_rol_ejecucion.chequeo.nombre_rol
    ruta      = data.kairos_rol_ejecucion.chequeo.ruta_rol
    confianza = data.kairos_rol_ejecucion.chequeo.politica_confianza
    permisos  = data.kairos_rol_ejecucion.chequeo.politica_permisos
  }
}

output "metrica" {
  description = "What counts the runs that were given up. Its only dimension is the stack: it counts those of all processes."
  value = {
    namespace   = "Kairos"
    nombre      = "Fallidas"
    dimensiones = { Stack = kairos_stack.this.name }
  }
}

output "id_proceso" {
  description = "The id of the process."
  value       = kairos_proceso.chequeo.id
}

output "api_url" {
  description = "Where the stack's own HTTP API answers."
  value       = kairos_stack.this.api_url
}

output "api_key" {
  description = "That API's key."
  value       = kairos_stack.this.api_key
  sensitive   = true
}

output "dead_letter_queue_url" {
  description = "Where the stack keeps the runs that were given up."
  value       = kairos_stack.this.dead_letter_queue_url
}
