output "api_url" {
  description = "Where the stack's own HTTP API answers."
  value       = module.kairos.api_url
}

output "api_key" {
  description = "That API's key."
  value       = module.kairos.api_key
  sensitive   = true
}

output "id_proceso" {
  description = "The id of the process."
  value       = module.kairos.id_proceso
}

output "alarma" {
  description = "The alarm's name."
  value       = aws_cloudwatch_metric_alarm.api.alarm_name
}

output "arn_topico" {
  description = "The topic that the alarm tells, for further subscribers."
  value       = aws_sns_topic.guardia.arn
}

output "dead_letter_queue_url" {
  description = "Where the stack keeps the runs that were given up."
  value       = module.kairos.dead_letter_queue_url
}
