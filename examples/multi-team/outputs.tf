output "executor_roles" {
  description = "Whom the roles of each team's processes trust."
  value       = { for equipo, stack in kairos_stack.equipo : equipo => stack.executor_role_arn }
}

output "procesos" {
  description = "The processes' ids."
  value       = { for nombre, proceso in kairos_proceso.de : nombre => proceso.id }
}
