output "api_url" {
  description = "Where the stack's HTTP API answers."
  value       = module.kairos.api_url
}

output "api_key" {
  description = "The API's key."
  value       = module.kairos.api_key
  sensitive   = true
}

output "procesos" {
  description = "The ids of the processes."
  value       = module.kairos.procesos
}

output "cluster" {
  description = "The cluster's name."
  value       = aws_ecs_cluster.this.name
}

output "log_group" {
  description = "Where the containers write."
  value       = aws_cloudwatch_log_group.this.name
}
