output "id_proceso" {
  description = "The process that submits the job."
  value       = module.kairos.id_proceso
}

output "id_calendarizacion" {
  description = "Its schedule."
  value       = module.kairos.id_calendarizacion
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

output "cola_trabajos" {
  description = "The job queue."
  value       = aws_batch_job_queue.noche.name
}

output "definicion_trabajo" {
  description = "The job definition."
  value       = aws_batch_job_definition.descarga.name
}

output "bucket" {
  description = "Where the files arrive, below entrada/."
  value       = aws_s3_bucket.entrada.bucket
}

output "cola_url" {
  description = "The queue of files to take in."
  value       = aws_sqs_queue.ingesta.url
}

output "cola_fallidos_url" {
  description = "The queue of files that could not be taken in."
  value       = aws_sqs_queue.fallidos.url
}

output "tabla" {
  description = "The table of digests."
  value       = aws_dynamodb_table.archivos.name
}

output "arn_tema" {
  description = "The topic that announces new files: subscribe to it."
  value       = aws_sns_topic.archivos.arn
}
