output "api_url" {
  description = "Where the HTTP API answers."
  value       = kairos_stack.this.api_url
}

output "api_key" {
  description = "The key that it wants in the header x-api-key."
  value       = kairos_stack.this.api_key
  sensitive   = true
}

output "procesos" {
  description = "The processes' ids by their names."
  value = {
    for proceso in [kairos_proceso.cada_minuto, kairos_proceso.una_vez, kairos_proceso.en_pausa] :
    proceso.nombre => proceso.id
  }
}
