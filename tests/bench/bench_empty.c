/* An MPI program that does nothing: what starting ranks and ending them takes, whatever they are for. */
#include <mpi.h>

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Finalize();
  return 0;
}
