/**
 * When a run that keeps dying is poison, and becomes a dead letter.
 *
 * A run that is lost together with others proves nothing: any of them may have killed the worker, or a power cut. So it
 * becomes a suspect, and is executed away from others. What then dies with it is evidence.
 */

/** So many starts that ended in a crash are the most that a run gets. At least {@link MIN_PROVEN} of them are its own. */
export const MAX_CRASHES = 3;

/** A single crash may have had another cause, such as a system that was short of memory. */
export const MIN_PROVEN = 2;

/**
 * A worker that dies while a suspect runs beside it in its own process has most likely died for another reason. But a run
 * to which that happens so often may reach its worker all the same, as by filling the memory of the machine.
 */
export const MAX_LOST_APART = 10;
