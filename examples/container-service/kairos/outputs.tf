output "roles" {
  description = "What the role of each process must be."
  value = {
    for proceso, rol in { informe = data.kairos_rol_ejecucion.informe, refresco = data.kairos_rol_ejecucion.refresco } :
    proceso => {
      nombre    = rol.nombre_rol
      ruta      = rol.ruta_rol
      confianza = rol.politica_confianza
      permisos  = rol.politica_permisos
    }
  }
}

output "procesos" {
  description = "The ids of the processes."
  value = {
    informe  = kairos_proceso.informe.id
    refresco = kairos_proceso.refresco.id
  }
}

output "api_url" {
  description = "Where the stack's HTTP API answers."
  value       = kairos_stack.this.api_url
}

output "api_key" {
  description = "The API's key."
  value       = kairos_stack.this.api_key
  sensitive   = true
}
