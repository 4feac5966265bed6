variable "region" {
  description = "Where everything lives."
  type        = string
}

variable "name" {
  description = "The stack's name, and in lower case the cluster's."
  type        = string
  default     = "Contenedores"
}

variable "notification_emails" {
  description = "Who is told when a run is given up."
  type        = set(string)
  default     = []
}

variable "zona_horaria" {
  description = "The time zone of both schedules."
  type        = string
  default     = "UTC"
}

variable "cron_informe" {
  description = "When the report's task is run."
  type        = string
  default     = "cron(30 2 * * ? *)"
}

variable "cron_refresco" {
  description = "When the service is refreshed."
  type        = string
  default     = "cron(0 5 ? * SUN *)"
}

variable "imagen" {
  description = "The image of both containers: anything with a shell."
  type        = string
  default     = "public.ecr.aws/docker/library/busybox:stable"
}

variable "vpc_id" {
  description = "The network; null for the region's default VPC."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Subnets of the network; null for all of them. They must reach the image's registry and CloudWatch Logs."
  type        = set(string)
  default     = null
}

variable "ip_publica" {
  description = "Whether tasks get a public address, without which they need a NAT gateway or VPC endpoints."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether destroying the stack is refused."
  type        = bool
  default     = true
}
