data "aws_vpc" "this" {
  id      = var.vpc_id
  default = var.vpc_id == null ? true : null
}

data "aws_subnets" "this" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.this.id]
  }
}

locals {
  subnet_ids = sort(var.subnet_ids != null ? var.subnet_ids : data.aws_subnets.this.ids)
}

# Out to the registry and the logs, and nothing in.
resource "aws_security_group" "tareas" {
  name        = "${local.cluster}-tareas"
  description = "The tasks of the cluster ${local.cluster}."
  vpc_id      = data.aws_vpc.this.id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.tareas.id
  description       = "HTTPS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}
