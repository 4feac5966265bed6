output "api_url" {
  description = "Where the HTTP API answers."
  value       = kairos_stack.this.api_url
}

output "components" {
  description = "The AWS objects of the stack, and which of them are not as they should be."
  value       = { for name, component in kairos_stack.this.components : name => component.status }
}

output "siguientes" {
  description = "When the process fires next."
  value       = provider::kairos::proximas_ejecuciones(kairos_proceso.cierre.cron, kairos_proceso.cierre.zona_horaria, var.inicio, 3)
}

output "estado" {
  description = "Whether the schedule behind the process is as it should be."
  value       = kairos_proceso.cierre.estado
}
