#ifndef SUPPLY_H
#define SUPPLY_H
/* Whether this machine runs on its battery. */

#include <stdbool.h>

/* Where Linux tells of batteries and chargers, a folder each; tests put another here. */
extern const char *supply_folder;

/* True while a battery of the machine itself (no mouse's) is discharging and no charger gives
 * power. A machine without a battery, or of which nothing can be told, is not on battery. */
bool supply_on_battery(void);

#endif
