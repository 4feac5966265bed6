output "stack" {
  description = "The stack, with its ARNs and its components."
  value       = kairos_stack.this
  sensitive   = true
}

output "api_url" {
  description = "Where the HTTP API answers; null without one."
  value       = kairos_stack.this.api_url
}

output "executor_role_arn" {
  description = "Whom roles that are made elsewhere must trust."
  value       = kairos_stack.this.executor_role_arn
}

output "procesos" {
  description = "The processes' ids by their names."
  value       = { for nombre, proceso in kairos_proceso.de : nombre => proceso.id }
}

output "roles" {
  description = "The roles that were made, by the processes' names."
  value       = { for nombre, rol in aws_iam_role.de : nombre => rol.arn }
}
