/* XML: the little of it that S3's requests need. */
#pragma once

#include "connection.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XML_NAMESPACE "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* The request's body as a string to free, or NULL where it breaks off or is far too long. */
char *xml_receive(struct connection *c);

/* The content of the next element of this name from the cursor on, its end made a NUL; the cursor
 * moves behind it. NULL: there is no more. */
char *xml_next(char **cursor, const char *name);

/* Resolve the references in an element's text, in place. */
void xml_resolve(char *text);
