output "procesos" {
  description = "The processes' ids by their names."
  value       = module.kairos.procesos
}

output "calendarizaciones" {
  description = "Their schedules."
  value       = module.kairos.calendarizaciones
}

output "api_url" {
  description = "Where the HTTP API answers; null without one."
  value       = module.kairos.api_url
}

output "api_key" {
  description = "The key that it wants in the header x-api-key; null without one."
  value       = module.kairos.api_key
  sensitive   = true
}

output "arn_tema" {
  description = "The topic: who else wants to know of shifts subscribes to it."
  value       = aws_sns_topic.turnos.arn
}

output "tabla" {
  description = "The table of shifts."
  value       = aws_dynamodb_table.turnos.name
}

output "arn_base" {
  description = "The database's cluster."
  value       = aws_rds_cluster.base.arn
}

output "arn_secreto" {
  description = "The secret with its credentials."
  value       = aws_rds_cluster.base.master_user_secret[0].secret_arn
}
