output "api_url" {
  description = "Where the HTTP API answers."
  value       = kairos_stack.this.api_url
}

output "api_key" {
  description = "The key that it wants in the header x-api-key."
  value       = kairos_stack.this.api_key
  sensitive   = true
}

output "id_proceso" {
  description = "The process that the smoke test starts."
  value       = kairos_proceso.latido.id
}
