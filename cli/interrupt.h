#ifndef INTERRUPT_H
#define INTERRUPT_H
/* ^C, SIGTERM and SIGHUP while a run goes on that has something to do at its end: the first asks it
 * to stop between two steps, the second ends the program on the spot, which loses nothing that is
 * on disk. SIGUSR1 asks for a line of progress. */

#include <stdbool.h>

void interrupt_catch(void);          /* those that stop */
void interrupt_catch_progress(void); /* SIGUSR1 */
int interrupt_signal(void);          /* that has asked to stop; 0: none */
bool interrupt_progress(void);       /* SIGUSR1 came since the last call */
void interrupt_end(void);            /* ends the program by the signal that came, if one did */

#endif
