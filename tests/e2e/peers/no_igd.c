/* In the place of libgupnp-igd, for simple-whip-client as Debian 12 has it: the client links libsoup 2,
 * libnice by way of libgupnp-igd links libsoup 3, and a process that has both ends itself. libnice asks
 * for these only where ports are to be opened on a router, which nobody asks it to. */

void *gupnp_simple_igd_thread_new(void) { return 0; }
void gupnp_simple_igd_add_port(void) {}
void gupnp_simple_igd_remove_port_local(void) {}
unsigned long gupnp_simple_igd_get_type(void) { return 0; }
