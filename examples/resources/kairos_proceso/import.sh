# By the name, without regard to case and repeated spaces, or by the process's id.
terraform import kairos_proceso.cierre "Kairos/Cierre diario"
terraform import kairos_proceso.cierre "Kairos/proceso-xmjk4j33cmdvilkdyhli6onadq"
