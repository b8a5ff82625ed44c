/* The image as bytes of the program; DEFAULT_IMAGE_FILE comes from CMakeLists.txt. */
	.section .rodata
	.balign 16
	.globl default_image_data
	.type default_image_data, %object
default_image_data:
	.incbin DEFAULT_IMAGE_FILE
default_image_end:
	.size default_image_data, default_image_end - default_image_data
	.balign 8
	.globl default_image_size
	.type default_image_size, %object
	.size default_image_size, 8
default_image_size:
	.quad default_image_end - default_image_data
#ifdef __CET__
#include <cet.h> /* its note: one object without it takes it from the whole program */
#endif
	.section .note.GNU-stack, "", %progbits
