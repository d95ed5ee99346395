#include "supply.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

const char *supply_folder = "/sys/class/power_supply";

#ifdef __APPLE__

bool supply_on_battery(void)
{
    char line[256] = "";
    FILE *file = popen("pmset -g batt 2>/dev/null", "r"); /* Now drawing from 'Battery Power' */
    if (!file)
        return false;
    if (!fgets(line, sizeof line, file))
        line[0] = '\0';
    pclose(file);
    return strstr(line, "'Battery Power'") != NULL;
}

#else

/* The first line of a supply's file; empty where there is none. */
static void read_property(const char *supply, const char *name, char line[64])
{
    char path[512];
    line[0] = '\0';
    int n = snprintf(path, sizeof path, "%s/%s/%s", supply_folder, supply, name);
    FILE *file = n > 0 && n < (int)sizeof path ? fopen(path, "re") : NULL;
    if (!file)
        return;
    if (!fgets(line, 64, file))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    fclose(file);
}

bool supply_on_battery(void)
{
    bool discharging = false, charger = false;
    DIR *folder = opendir(supply_folder);
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        char type[64], value[64];
        if (entry->d_name[0] == '.')
            continue;
        read_property(entry->d_name, "scope", value);
        if (strcmp(value, "Device") == 0)
            continue;
        read_property(entry->d_name, "type", type);
        bool is_battery = strcmp(type, "Battery") == 0;
        read_property(entry->d_name, is_battery ? "status" : "online", value);
        if (is_battery)
            discharging |= strcmp(value, "Discharging") == 0;
        else if (strcmp(type, "Mains") == 0 || strcmp(type, "USB") == 0)
            charger |= value[0] != '\0' && strcmp(value, "0") != 0;
    }
    if (folder)
        closedir(folder);
    return discharging && !charger;
}

#endif
